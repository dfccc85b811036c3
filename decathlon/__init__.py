"""All runs: methods as plug-ins in processes of their own, ten datasets, one report.

The paper's benchmark (MedMNIST Classification Decathlon, sections 3 and 4).
"""
