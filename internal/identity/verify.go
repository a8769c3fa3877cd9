package identity

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"
)

// verifyChain checks that certs[0] was issued under root for usage, through the
// certificates behind it, with now clamped into the time in which all of them
// were valid together. What the real time means for certs[0] is the caller's to
// judge. Names are not looked at.
func verifyChain(certs []*x509.Certificate, root *x509.Certificate, usage x509.ExtKeyUsage, now time.Time) error {
	if len(certs) == 0 {
		return errors.New("no certificate was shown")
	}
	if len(certs) > maxChain {
		return fmt.Errorf("chain of %d certificates is longer than %d", len(certs), maxChain)
	}
	opts := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		CurrentTime:   clamp(now, append([]*x509.Certificate{root}, certs...)),
		KeyUsages:     []x509.ExtKeyUsage{usage},
	}
	opts.Roots.AddCert(root)
	for _, c := range certs[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := certs[0].Verify(opts)
	return err
}

// clamp moves now to the nearest time at which all certs are valid. If there is
// none, the result is a time at which one of them is not, and verification says
// which.
func clamp(now time.Time, certs []*x509.Certificate) time.Time {
	from, to := certs[0].NotBefore, certs[0].NotAfter
	for _, c := range certs[1:] {
		if c.NotBefore.After(from) {
			from = c.NotBefore
		}
		if c.NotAfter.Before(to) {
			to = c.NotAfter
		}
	}
	switch {
	case now.Before(from):
		return from
	case now.After(to):
		return to
	}
	return now
}

// verifyCollector judges the chain that a server showed: it must lead to root,
// name the collector, and not have ended before since, a time that the
// authority itself vouched for (zero: unknown). Errors are [ErrPin] or [ErrRole].
func verifyCollector(certs []*x509.Certificate, root *x509.Certificate, since, now time.Time) error {
	if err := verifyChain(certs, root, x509.ExtKeyUsageServerAuth, now); err != nil {
		return foreign(certs, pinOf(root), err)
	}
	leaf := certs[0]
	if err := checkCollector(leaf); err != nil {
		return err
	}
	if leaf.NotAfter.Before(since) {
		return fmt.Errorf("%w: the certificate it shows ended on %s, before this agent's own was issued",
			ErrPin, leaf.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// verifyPinned judges the chain that a server showed to somebody who knows no
// more of it than the pin.
func verifyPinned(certs []*x509.Certificate, pin Pin, now time.Time) error {
	for _, c := range certs {
		if pinOf(c) == pin {
			return verifyCollector(certs, c, time.Time{}, now)
		}
	}
	return foreign(certs, pin, nil)
}

// foreign says whom one has met instead of the pinned collector. The names come
// from a stranger: they are quoted and clipped.
func foreign(certs []*x509.Certificate, pin Pin, why error) error {
	if len(certs) == 0 {
		return fmt.Errorf("%w: it shows no certificate", ErrPin)
	}
	issuer := called(certs[0].Issuer)
	if top := called(certs[len(certs)-1].Issuer); top != issuer {
		issuer += " under " + top
	}
	err := fmt.Errorf("%w: expected the root with pin %s..., found a certificate issued by %s", ErrPin, pin.short(), issuer)
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](why); why != nil && !unknown {
		err = fmt.Errorf("%w (%w)", err, why)
	}
	return err
}

// called is the name by which people know an issuer.
func called(n pkix.Name) string {
	name := n.CommonName
	if name == "" && len(n.Organization) > 0 {
		name = n.Organization[0]
	}
	if name == "" {
		name = n.String()
	}
	return fmt.Sprintf("%q", clip(name))
}
