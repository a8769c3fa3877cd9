package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"picket/collector/web"
)

// Backup has the running collector make a backup and copies it to w. Only
// [VerifyBackup] says whether all of it arrived. errors.Is: [ErrNoCollector],
// [ErrNotYours], [ErrBrokeOff].
func (o *Operator) Backup(ctx context.Context, w io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/backup", http.NoBody)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	res, err := o.client.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("wait for the collector: %w", context.Cause(ctx))
	case err != nil:
		return unanswered(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		refused := struct{ Error *web.Error }{&web.Error{What: "the collector answered " + res.Status}}
		if err := json.NewDecoder(io.LimitReader(res.Body, maxKeyFile)).Decode(&refused); err != nil {
			return fmt.Errorf("the collector answered %s", res.Status)
		}
		return refused.Error
	}
	if _, err := io.Copy(w, res.Body); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("receive the backup: %w", err)
	}
	return nil
}
