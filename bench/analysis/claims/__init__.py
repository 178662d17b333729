"""The claims of the article: the rule of each, and the verdict that the evidence gives it."""
