"""Where a difference in latency comes from: runtime, graph, layers, or what the machine reaches.

``explain`` combines the parts, ``decomposition`` multiplies factors to the ratio,
``layer_profile`` leads operators back to aligned layers, ``roofline`` compares with measured
peaks. May import ``latency`` and everything below.
"""
