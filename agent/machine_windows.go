package agent

import "golang.org/x/sys/windows/registry"

// machineParts is the id that Windows draws at its installation, and anew when an
// image is generalised. There is no id of the boot.
func machineParts() []string {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Cryptography`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return nil
	}
	defer k.Close()
	id, _, err := k.GetStringValue("MachineGuid")
	if err != nil {
		return nil
	}
	return []string{id}
}
