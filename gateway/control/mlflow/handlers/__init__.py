"""Handlers of MLflow's methods, a module per entity."""
