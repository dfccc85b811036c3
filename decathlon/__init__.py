"""All runs: methods as plug-ins in processes of their own, one suite, one report.

The paper's benchmark (MedMNIST Classification Decathlon, sections 3 and 4), and the
same on the datasets of MedMNIST v2.
"""
