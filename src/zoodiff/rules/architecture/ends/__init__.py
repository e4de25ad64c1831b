"""The beginnings and ends of networks."""
