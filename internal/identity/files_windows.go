package identity

import "golang.org/x/sys/windows"

// closeDir keeps everybody but the system, administrators and this user out of
// dir and of what will be in it: what ProgramData would pass down lets everybody
// read. A directory whose list was cut off from the one above was closed by
// somebody who knew better, such as the installer of the service.
func closeDir(dir string) error {
	now, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	if control, _, err := now.Control(); err != nil || control&windows.SE_DACL_PROTECTED != 0 {
		return err
	}
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + me.User.Sid.String() + ")")
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
}
