"""Configuration: Hydra's groups as YAML files, and the code that composes and checks them."""
