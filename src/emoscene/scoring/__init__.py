"""Scoring: label scores read behind one shared prefix. Maths on arrays; no model names."""
