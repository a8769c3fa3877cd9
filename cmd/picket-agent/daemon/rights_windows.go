package daemon

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf16"

	"golang.org/x/sys/windows"
)

// serviceSID is the identity that Windows derives from a service's name, as `sc
// showsid` prints it: known before there is such a service.
func serviceSID(name string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(strings.ToUpper(name))) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	sum := sha1.Sum(b)
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return sid
}

// rights is the list of a closed directory: system and administrators may do
// anything, the service may change what is in it (0x1301bf is what Explorer calls
// "Modify"), nobody else may look. P keeps out what the folder above would give.
func rights() string {
	return "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;" + serviceSID(serviceName) + ")"
}

// closedDir makes dir with rights, or gives it these. A directory that somebody
// else made is refused: ProgramData lets every user make folders, and who made
// one could have prepared what is in it.
func closedDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	if err != nil {
		if err := trustworthy(dir); err != nil {
			return err
		}
	}
	sd, err := windows.SecurityDescriptorFromString(rights())
	if err != nil {
		return fmt.Errorf("rights of %s: %w", dir, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("rights of %s: %w", dir, err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("rights of %s: %w", dir, err)
	}
	err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, owner, nil, dacl, nil)
	if err != nil {
		return fmt.Errorf("set the rights of %s: %w", dir, err)
	}
	return nil
}

// trustworthy refuses a directory that is a link, or neither the system's nor
// the administrators' nor ours.
func trustworthy(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory; remove it", dir)
	}
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("owner of %s: %w", dir, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("owner of %s: %w", dir, err)
	}
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return fmt.Errorf("who we are: %w", err)
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) || owner.Equals(me.User.Sid) {
		return nil
	}
	return fmt.Errorf("%s belongs to %s, not to the administrators: look at what is in it, and remove it", dir, owner)
}
