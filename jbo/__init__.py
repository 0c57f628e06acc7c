"""Bayesian optimisation of hyperparameters as pure functions in JAX."""
