"""Appointments: a place at a counter, held, confirmed, moved, cancelled, waited for, called and served."""
