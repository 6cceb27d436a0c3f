"""Framework catalogues, what covers them, verdicts, score and risk."""
