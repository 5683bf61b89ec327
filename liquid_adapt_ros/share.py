"""Where the files that come with the package are: config/, launch/, models/."""

from pathlib import Path

PACKAGE = "liquid_adapt_ros"


def share_folder() -> Path:
    """The repository when this module runs from there, else the installed package's share.

    Raises:
        ament_index_python.packages.PackageNotFoundError: neither is there.
    """
    repository = Path(__file__).parents[1]
    if (repository / "package.xml").is_file():
        return repository
    from ament_index_python.packages import get_package_share_directory

    return Path(get_package_share_directory(PACKAGE))
