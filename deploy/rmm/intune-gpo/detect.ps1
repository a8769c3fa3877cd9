# Intune remediation, detection: exit code 1 has Intune run the remediation.
$service = Get-Service -Name PicketAgent -ErrorAction SilentlyContinue
if ($service -and $service.Status -eq 'Running') { 'The Picket agent runs.'; exit 0 }
'The Picket agent does not run.'
exit 1
