"""MAPS (Emiya, Bertin, David, Badeau 2010), the paper's data: seven pianos, one of them real.

Part ``MUS`` only: whole pieces on software pianos, and the Disklavier with close (``ENSTDkCl``) and
ambient (``ENSTDkAm``) microphones. MAPS is CC BY-NC-SA and not part of this repository.
"""
