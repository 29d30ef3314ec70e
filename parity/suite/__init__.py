"""The suite as pytest runs it: claims, rules, ledger, regressions."""
