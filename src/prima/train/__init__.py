"""Tables in, weights out: stages, recipes, losses, the loop."""
