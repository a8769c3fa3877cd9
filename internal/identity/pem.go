package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxChain is how many certificates a chain may have: leaf, issuer, root, and
// one to spare for a cross-signed root.
const maxChain = 4

const (
	typeCert = "CERTIFICATE"
	typeKey  = "PRIVATE KEY"
)

// NewKey makes the private key of an agent, ECDSA P-256.
func NewKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}

// CSR is a certificate request (PKCS #10, DER) that proves possession of key
// and asks for no name: names are the collector's to give.
func CSR(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return der, nil
}

// isP256 says whether pub is an ECDSA key on P-256.
func isP256(pub any) bool {
	k, ok := pub.(*ecdsa.PublicKey)
	return ok && k.Curve == elliptic.P256()
}

func encodeCerts(ders ...[]byte) []byte {
	var out []byte
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: typeCert, Bytes: der})...)
	}
	return out
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der}), nil
}

// decodeCerts reads 1 to maxChain PEM certificates on P-256 and nothing else
// beside them.
func decodeCerts(b []byte) ([]*x509.Certificate, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("certificates of %d bytes are too long", len(b))
	}
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		block, b = pem.Decode(b)
		if block == nil {
			break
		}
		if block.Type != typeCert {
			return nil, fmt.Errorf("%q where a certificate was expected", clip(block.Type))
		}
		if len(certs) == maxChain {
			return nil, fmt.Errorf("more than %d certificates", maxChain)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		if !isP256(cert.PublicKey) {
			return nil, errors.New("certificate of a key that is not ECDSA P-256")
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 || len(bytes.TrimSpace(b)) > 0 {
		return nil, errors.New("no certificate, or something else behind it")
	}
	return certs, nil
}

// decodeKey reads one PEM key (PKCS #8) on P-256.
func decodeKey(b []byte) (*ecdsa.PrivateKey, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("key of %d bytes is too long", len(b))
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != typeKey || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("no PEM block of type %q, or something else behind it", typeKey)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the key cannot be read") // the parser's error could quote what it read
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !isP256(&key.PublicKey) {
		return nil, errors.New("the key is not ECDSA P-256")
	}
	return key, nil
}
