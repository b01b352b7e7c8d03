"""TLS for one cluster: keys in its own folder, made at its start and removed with it.

There is no password in Dask: without TLS any user of the host can run code as the cluster's owner. One self-signed
certificate serves scheduler, workers and clients, as in ``distributed.Security.temporary``, but from files that only
the owner can read, so that other processes of the owner and jobs on other nodes can use them.
"""

from __future__ import annotations

import datetime
import os
import shutil

from dask_steward.errors import StartFailed

#: Days for which a certificate holds: longer than any cluster lives, since it cannot be renewed in flight.
VALID_DAYS = 365
CERTIFICATE = "cert.pem"
KEY = "key.pem"


def make_keys(folder: str, common_name: str = "dask-steward") -> dict[str, str]:
    """Make a key and a self-signed certificate.

    Parameters
    ----------
    folder : str
        Made with mode 0700; it must not exist.
    common_name : str
        Name in the certificate.

    Returns
    -------
    dict
        Paths under ``ca``, ``cert`` and ``key``.

    Raises
    ------
    StartFailed
        If ``cryptography`` is missing or the folder cannot be written.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise StartFailed(
            "TLS needs the package cryptography, which this cluster's Python does not have.",
            field="security",
            hint="Install it there, or set `security: none` (any user of the host can then run code as you).",
        ) from error
    # An elliptic key is made in a millisecond; RSA takes a tenth of a second and more.
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of nodes differ.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    os.mkdir(folder, 0o700)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        _write(os.path.join(folder, CERTIFICATE), certificate.public_bytes(serialization.Encoding.PEM))
        _write(os.path.join(folder, KEY), private)
    except OSError:  # a full disk: half a pair is of no use
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return paths_of(folder)


class KeysAside:
    """Keys that a fork of this process makes meanwhile: importing what makes them takes a tenth of a second of a core.

    To be begun before any thread is started.

    Parameters
    ----------
    folder : str
        As for `make_keys`.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._pid = os.fork()
        if self._pid == 0:
            try:
                make_keys(folder)
                os._exit(0)
            finally:
                os._exit(1)

    def wait(self) -> dict[str, str]:
        """Return the paths, once the keys are there.

        Raises
        ------
        StartFailed
            As from `make_keys`.
        """
        try:
            _, status = os.waitpid(self._pid, 0)
        except ChildProcessError:  # whoever started us ignores SIGCHLD: nobody knows how it ended
            status = 1
        if status != 0:  # tried again here, so that the error is heard where it belongs
            return make_keys(self._folder)
        return paths_of(self._folder)


def paths_of(folder: str) -> dict[str, str]:
    """Return the paths of a cluster's keys: ``ca``, ``cert`` and ``key``."""
    return {
        role: os.path.join(folder, file) for role, file in (("ca", CERTIFICATE), ("cert", CERTIFICATE), ("key", KEY))
    }


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
