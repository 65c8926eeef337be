"""The choices that predictions offer."""

KINDS = ("mean", "response")
"""What may be predicted: Xβ + Zb, or a response to be observed."""
NEW_LEVELS = ("error", "population", "sample")
"""What may become of levels that were not seen."""
