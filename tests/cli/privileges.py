"""A command that may not write where its rights do not allow it, though root starts it."""

from __future__ import annotations

# Root may write everywhere; without these capabilities it may not, and file rights count as for anybody else.
WITHOUT_PRIVILEGES = """\
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])"""
