"""How far back a trained cell reaches: where the gradient of an output goes, and what its accuracy loses when the
source beyond a distance is another example's."""
