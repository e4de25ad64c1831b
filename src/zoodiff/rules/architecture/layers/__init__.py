"""What single layers compute: convolutions, pools, activations, resizes, and in which precision."""
