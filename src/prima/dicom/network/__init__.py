"""Pulling studies from a PACS (C-FIND, C-MOVE, C-GET) or a DICOMweb server (QIDO-RS, WADO-RS)."""
