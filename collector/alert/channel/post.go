package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"picket/collector/alert"
)

// maxAnswer is how much of a receiver's answer is read, and thrown away.
const maxAnswer = 64 << 10

// poster delivers letters by POST.
type poster struct{ client *http.Client }

func newPoster() *poster {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxAnswer
	transport.MaxIdleConnsPerHost = 1
	return &poster{&http.Client{
		Transport:     transport,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (w Webhook) deliver(ctx context.Context, d *Deliverer, l alert.Letter) error {
	return d.poster.signed(ctx, w.URL, w.Secret, l.ID, l.Body)
}

// signed makes one attempt to bring signed JSON to a URL.
func (p *poster) signed(ctx context.Context, to string, by Secret, key string, body []byte) error {
	if by == nil {
		return errors.New("the route has no secret to sign with")
	}
	secret, err := by()
	if err != nil {
		return fmt.Errorf("read the route's secret: %w", err)
	}
	return p.post(ctx, to, body, map[string]string{
		SignatureHeader:   Sign(secret, body, time.Now()),
		IdempotencyHeader: key,
	})
}

// post makes one attempt to bring JSON to a URL. Its errors name neither the
// URL nor what is in the header.
func (p *poster) post(ctx context.Context, to string, body []byte, header map[string]string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return errors.New("the route's URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Picket")
	for key, value := range header {
		req.Header.Set(key, value)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the wrapper quotes the URL
		}
		return fmt.Errorf("post: %w", err)
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, maxAnswer) // so that the connection can be kept; its text is nobody's business
	return answer(resp)
}

// answer judges the status of a delivery.
func answer(resp *http.Response) error {
	code := resp.StatusCode
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusGone:
		return fmt.Errorf("%w: the receiver answers 410", alert.ErrGone)
	case code >= 300 && code < 400:
		return refused("the receiver redirects (%d), which is not followed: put the final URL into the route", code)
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		err := fmt.Errorf("the receiver answers %d", code)
		if wait := retryAfterOf(resp.Header.Get("Retry-After")); wait > 0 {
			return alert.RetryAfter(err, wait)
		}
		return err
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return refused("the receiver answers %d: check the route's secret and URL", code)
	default:
		return refused("the receiver answers %d", code)
	}
}

// retryAfterOf reads the header in either of its forms; 0 if there is none.
func retryAfterOf(v string) time.Duration {
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return time.Until(at)
	}
	return 0
}
