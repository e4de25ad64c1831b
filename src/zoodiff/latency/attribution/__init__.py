"""Attribution of latency: framework, architecture, layers, and the peaks of the machine.

``explain`` combines the parts, ``decomposition`` multiplies factors to the ratio,
``layer_profile`` leads operators back to aligned layers, ``roofline`` compares with measured
peaks. May import ``latency`` and everything below.
"""
