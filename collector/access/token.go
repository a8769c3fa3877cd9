package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	tokenMark = "pat_"
	tokenID   = 10 // characters
	maxTokens = 1000
)

// MaxTokenLife is how long an API token may live at most.
const MaxTokenLife = 365 * 24 * time.Hour

// TokenRequest asks for an API token.
type TokenRequest struct {
	Name   string // for people, 1 to 64 characters
	Role   Role
	Client string        // for viewers
	Life   time.Duration // 0 means 90 days; at most [MaxTokenLife]
}

// CreateToken makes an API token and returns it; it cannot be read again.
// errors.Is: [ErrName], [ErrRole].
func (k *Keeper) CreateToken(ctx context.Context, by string, r TokenRequest) (text string, t APIToken, err error) {
	name := strings.TrimSpace(r.Name)
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' }) {
		return "", t, fmt.Errorf("%w: say in 1 to %d characters what the token is for", ErrName, maxName)
	}
	r.Client = strings.TrimSpace(r.Client)
	if err := checkRole(r.Role, r.Client); err != nil {
		return "", t, err
	}
	if r.Life == 0 {
		r.Life = 90 * 24 * time.Hour
	}
	if r.Life < 0 || r.Life > MaxTokenLife {
		return "", t, fmt.Errorf("%w: a token lives at most 365 days", ErrRole)
	}
	all, err := k.o.Store.APITokens(ctx)
	if err != nil {
		return "", t, fmt.Errorf("count API tokens: %w", err)
	}
	if len(all) >= maxTokens {
		return "", t, fmt.Errorf("%w: there are %d API tokens already", ErrName, len(all))
	}
	now := k.o.Now()
	secret := strings.ToLower(rand.Text())
	t = APIToken{ID: strings.ToLower(rand.Text()[:tokenID]), Hash: sha256.Sum256([]byte(secret)), Name: name, Role: string(r.Role), Client: r.Client,
		By: by, Created: now, Expires: now.Add(r.Life)}
	if err := k.o.Store.CreateAPIToken(ctx, t); err != nil {
		return "", t, fmt.Errorf("make an API token: %w", err)
	}
	detail := fmt.Sprintf("%q, %s", name, r.Role)
	if r.Client != "" {
		detail += " of " + r.Client
	}
	k.audit(ctx, by, "apitoken.create", t.ID, detail+", until "+t.Expires.UTC().Format(time.RFC3339))
	t.Hash = [32]byte{}
	return tokenMark + t.ID + "_" + secret, t, nil
}

// Tokens lists all API tokens, no hashes, the newest first.
func (k *Keeper) Tokens(ctx context.Context) ([]APIToken, error) {
	all, err := k.o.Store.APITokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("list API tokens: %w", err)
	}
	for i := range all {
		all[i].Hash = [32]byte{}
	}
	slices.SortStableFunc(all, func(a, b APIToken) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// RevokeToken ends an API token. errors.Is: [ErrNotFound].
func (k *Keeper) RevokeToken(ctx context.Context, by, id string) error {
	if err := k.o.Store.RevokeAPIToken(ctx, id, k.o.Now()); err != nil {
		return fmt.Errorf("revoke API token: %w", err)
	}
	k.audit(ctx, by, "apitoken.revoke", id, "")
	return nil
}

// Bearer returns who holds an API token. errors.Is: [ErrRefused].
func (k *Keeper) Bearer(ctx context.Context, text string) (Principal, error) {
	rest, ok := strings.CutPrefix(text, tokenMark)
	id, secret, split := strings.Cut(rest, "_")
	if !ok || !split || len(id) != tokenID || len(secret) < 26 || len(secret) > 64 {
		return Principal{}, ErrRefused
	}
	t, err := k.o.Store.APIToken(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return Principal{}, ErrRefused
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read an API token: %w", err)
	}
	hash := sha256.Sum256([]byte(secret))
	now := k.o.Now()
	if subtle.ConstantTimeCompare(hash[:], t.Hash[:]) != 1 || !t.Revoked.IsZero() || !now.Before(t.Expires) {
		return Principal{}, ErrRefused
	}
	if now.Sub(t.Used) >= touch {
		if err := k.o.Store.UsedAPIToken(ctx, id, now); err != nil {
			k.o.Log.Error("note the use of an API token", "token", id, "err", err)
		}
	}
	return Principal{Name: "token " + t.Name, Role: Role(t.Role), Client: t.Client, Via: "token", Session: "token:" + id}, nil
}
