"""How agents report their state to a deployment or the hub."""
