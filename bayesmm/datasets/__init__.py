"""The embedded data sets: ``load_data`` fetches one, ``list_data`` says what there is."""

from bayesmm.datasets.load import list_data, load_data

__all__ = ["list_data", "load_data"]
