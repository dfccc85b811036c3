"""Suites: which datasets stand in one table, and which paper's values beside them.

Never reads a result, and never knows a dataset's facts: the catalog has them.
"""

import dataclasses
import types
from collections.abc import Mapping

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors

_V2 = "Yang et al., Scientific Data 2023, 10:41"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite:
    """The datasets of one paper's table."""

    name: str
    title: str  # of its report
    called: str  # its datasets, as messages call them
    release: str  # of the data that the paper's values are set beside
    published: str  # these values: a file beside the report's modules
    published_title: str
    caution: str = ""  # of the paper's values: what its data had, and this release not

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names, in the paper's order."""
        return catalog.SUITES[self.name]

    @property
    def form(self) -> str:
        """What its examples are: `images` or `volumes`."""
        return catalog.DATASETS[self.datasets[0]].form

    @property
    def one(self) -> str:
        """One of these, as sentences say it."""
        return "an image" if self.form == "images" else "a volume"

    def variant(
        self, name: str, *, version: str | None = None, phantom: bool = False
    ) -> catalog.Variant:
        """What a name means here: of the suite's release, where none is given.

        Phantoms, rebuilt data and larger sizes have releases of their own.
        """
        found = catalog.parse(name, version=version, phantom=phantom)
        release = found.dataset.releases.get(self.release)
        is_open = version is None and found.kind == "official"
        if is_open and release and found.size in release.files:
            return catalog.parse(name, version=self.release)  # but for `name:version`
        return found

    def check(self, dataset: catalog.Dataset) -> None:
        """MedMNISTError if the dataset is none of the suite's."""
        if dataset.name in self.datasets:
            return
        why, instead = ".", f"Choose --suite {_having(dataset)}, which has it."
        if dataset.regroups:
            why = f": it is {dataset.regroups} in other splits."
            instead = "Train on it by `medmnist-tfds train`."
        raise errors.MedMNISTError(
            f"{dataset.name} is none of {self.called}{why} Expected some of "
            f"{', '.join(self.datasets)}. {instead}"
        )


def _having(dataset: catalog.Dataset) -> str:
    return next(
        (name for name, names in catalog.SUITES.items() if dataset.name in names), ""
    )


def find(name: str) -> Suite:
    """The suite of that name.

    Raises:
      MedMNISTError: there is none.
    """
    if name not in SUITES:
        raise errors.MedMNISTError(
            f"There is no suite {name!r}. Expected one of {', '.join(SUITES)}."
            f"{errors.hint(str(name), {known: known for known in SUITES})}"
        )
    return SUITES[name]


DECATHLON = Suite(
    name="decathlon",
    title="MedMNIST Classification Decathlon",
    called="the Decathlon's ten",
    release="1.0.0",
    published="table2.csv",
    published_title="Table 2 of the paper",
)
_ALL = (
    DECATHLON,
    Suite(
        name="v2_2d",
        title="MedMNIST v2, 2D",
        called="MedMNIST v2's twelve of images",
        release="3.0.0",
        published="v2_2d.csv",
        published_title=f"MedMNIST v2, 2D ({_V2})",
        caution=f"The paper: {_V2}. Its data also held blank images, which release "
        "3.0.0 is without: some of the test splits of OrganCMNIST and OrganSMNIST, "
        "and some of the training splits of these and OrganAMNIST.",
    ),
    Suite(
        name="v2_3d",
        title="MedMNIST v2, 3D",
        called="MedMNIST v2's six of volumes",
        release="3.0.0",
        published="v2_3d.csv",
        published_title=f"MedMNIST v2, 3D ({_V2})",
        caution=f"The paper: {_V2}. Its data also held a blank volume in the training "
        "split of OrganMNIST3D and one in the validation split of VesselMNIST3D, "
        "which release 3.0.0 is without.",
    ),
)
SUITES: Mapping[str, Suite] = types.MappingProxyType({each.name: each for each in _ALL})
