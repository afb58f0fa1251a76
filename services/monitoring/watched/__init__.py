"""What is looked at, by what it is about. Pure; the table is `services/monitoring/conditions.py`."""
