"""A second source-measure unit, as far as a stepped sweep needs it: what a model consists of."""
