# For an RMM that runs PowerShell as SYSTEM. Set PICKET_TOKEN (and, if packages lie
# elsewhere, PICKET_FROM) as variables of the job, not in this text.
$ErrorActionPreference = 'Stop'
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor 3072
$from = if ($env:PICKET_FROM) { $env:PICKET_FROM } else { 'https://get.picket.example' }
$script = Join-Path $env:SystemRoot ('Temp\picket-' + [Guid]::NewGuid() + '.ps1')
try {
    if ($from -match '^https://') { Invoke-WebRequest -Uri "$from/install.ps1" -OutFile $script -UseBasicParsing }
    else { Copy-Item -LiteralPath (Join-Path $from 'install.ps1') -Destination $script }
    & powershell.exe -NoProfile -ExecutionPolicy Bypass -File $script -From $from
    $code = $LASTEXITCODE
} finally {
    Remove-Item -Force $script -ErrorAction SilentlyContinue
}
exit $code
