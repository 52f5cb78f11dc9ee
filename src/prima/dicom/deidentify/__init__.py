"""De-identification after the basic profile of PS3.15 annex E: what no table names does not leave."""
