"""Steps that concern a patient."""
