"""The port to a broker that has no API: tickets out, the trader's word in."""
