"""An in-memory stand-in of ScanHub's neighbour services, in two contracts.

One process on loopback answers for user-login-, exam-, patient-, sequence- and device-manager
and for one simulated scanner, so that the laptop stack and the tests need no ScanHub. Devices may
also connect to its socket. `faults.Fault` says how `POST /_control/faults` lets each of them fail.
`contract_2026_02` is what today's ScanHub does; all else is of 2025-03, or of both.
"""

DEFAULT_CONTRACT, TODAYS_CONTRACT = CONTRACTS = ("2025-03", "2026-02")
CONTRACT_VARIABLE = "SCANHUB_CONTRACT"
"""Environment variable with the contract in which the stand-in speaks."""
