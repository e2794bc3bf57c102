"""Whether a candidate may replace the champion."""
