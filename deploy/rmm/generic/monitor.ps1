# Exit code 0: the agent works. Anything else: the first line says what is wrong.
$program = Join-Path $(if (${env:ProgramW6432}) { ${env:ProgramW6432} } else { $env:ProgramFiles }) 'Picket\picket-agent.exe'
if (-not (Test-Path $program)) {
    'The Picket agent is not installed.'
    exit 1001
}
& $program status --rmm
if ($LASTEXITCODE -eq 1000) { exit 0 }
exit $LASTEXITCODE
