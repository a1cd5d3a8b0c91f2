"""Planted bugs: flags that the model reads where upstream had, or could have, the bug."""

from vmstore.faults.catalogue import CATALOGUE, FAULT_BY_ID, Fault
from vmstore.faults.flags import Faults, UnknownFault

__all__ = ["CATALOGUE", "FAULT_BY_ID", "Fault", "Faults", "UnknownFault"]
