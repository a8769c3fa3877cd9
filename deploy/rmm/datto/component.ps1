# Datto RMM: PICKET_TOKEN is a variable of the site; the packages are attached to
# the component and lie in the folder in which it runs.
& powershell.exe -NoProfile -ExecutionPolicy Bypass -File (Join-Path $PWD 'install.ps1') -From $PWD
exit $LASTEXITCODE
