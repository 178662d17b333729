"""Tables of the report, made from the evidence alone."""
