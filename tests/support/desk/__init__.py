"""A service of one toy aggregate, on which the chassis is tested."""
