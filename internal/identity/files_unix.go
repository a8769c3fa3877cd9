//go:build !windows

package identity

import "os"

// closeDir keeps everybody but the owner out of dir.
func closeDir(dir string) error { return os.Chmod(dir, 0o700) }
