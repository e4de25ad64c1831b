"""Attribution of latency: framework, architecture, layers, and the peaks of the machine.

``explain`` combines the parts, ``decomposition`` splits the ratio into factors, ``layer_profile``
maps operators back to aligned layers, ``roofline`` compares a network with the measured peaks. May
import ``latency`` and everything below.
"""
