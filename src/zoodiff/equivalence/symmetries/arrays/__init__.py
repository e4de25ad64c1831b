"""How two arrays of weights are related, whatever network they are of."""
