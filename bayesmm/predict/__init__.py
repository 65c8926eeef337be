"""Predictions on arrays: rows, linear predictors, new effects, and the error of a point prediction."""

from bayesmm.predict.effects import draw_effects, pad_effects
from bayesmm.predict.error import prediction_variance
from bayesmm.predict.linear import check_size, draw_pieces, linear_predictor
from bayesmm.predict.options import KINDS, NEW_LEVELS
from bayesmm.predict.rows import as_new_levels, rows_of_data, rows_of_design, rows_to_predict

__all__ = [
    "KINDS",
    "NEW_LEVELS",
    "as_new_levels",
    "check_size",
    "draw_effects",
    "draw_pieces",
    "linear_predictor",
    "pad_effects",
    "prediction_variance",
    "rows_of_data",
    "rows_of_design",
    "rows_to_predict",
]
