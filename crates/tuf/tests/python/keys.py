"""Keys and signatures of securesystemslib.

    keys.py sign                        writes, for each scheme, a key, a message and a signature
    keys.py verify SIGNATURES           verifies such a list, from a file; writes the index of each that does not verify
"""

import json
import sys

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey

if sys.argv[1] == "sign":
    signers = []
    for _ in range(3):
        signers.append(CryptoSigner.generate_ed25519())
        signers.append(CryptoSigner.generate_ecdsa(scheme="ecdsa-sha2-nistp256"))
        signers.append(CryptoSigner.generate_ecdsa(scheme="ecdsa-sha2-nistp384"))
        signers += [CryptoSigner.generate_mldsa(scheme=f"ml-dsa-{size}/1") for size in (44, 65, 87)]
    signers += [CryptoSigner.generate_rsa(scheme="rsassa-pss-sha256", size=size) for size in (2048, 3072, 4096)]
    signed = []
    for number, signer in enumerate(signers):
        message = f"message {number}"
        signature = signer.sign(message.encode())
        key = signer.public_key
        signed.append(
            {"keyid": key.keyid, "key": key.to_dict(), "message": message, "signature": signature.signature}
        )
    print(json.dumps(signed))
else:
    with open(sys.argv[2], "rb") as file:
        signed = json.load(file)
    for number, entry in enumerate(signed):
        key = SSlibKey.from_dict(entry["keyid"], entry["key"])
        try:
            key.verify_signature(Signature(entry["keyid"], entry["signature"]), entry["message"].encode())
        except UnverifiedSignatureError:
            print(number)
