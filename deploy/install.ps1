<#
Installs the Picket agent on Windows, joins it, and starts it. Windows PowerShell
5.1 or later, run as administrator or as SYSTEM by an RMM:

  $env:PICKET_TOKEN='pk1_...'; [Net.ServicePointManager]::SecurityProtocol=3072; irm https://get.picket.example/install.ps1 -UseBasicParsing | iex
  .\install.ps1 -From D:\picket

It may be run again at any time: it changes only what is not as it should be.
The join token comes by PICKET_TOKEN, which other users cannot see. Exit codes are
those of picket-agent; run through iex, it sets $LASTEXITCODE and throws.
#>
[CmdletBinding()]
param(
    [string]$From = $env:PICKET_FROM,   # folder or https address with the zip and SHA256SUMS
    [string]$Sums = $env:PICKET_SUMS,   # what SHA256SUMS itself must hash to
    [string]$Proxy = $env:PICKET_PROXY, # way to the Picket server and to From
    [switch]$Repair,                    # install again even if all is well
    [switch]$Uninstall,                 # remove everything
    [switch]$KeepState                  # with Uninstall: keep the identity
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue' # its bar makes downloads ten times slower

$program = Join-Path ([Environment]::GetFolderPath('ProgramFiles')) 'Picket\picket-agent.exe'
if (${env:ProgramW6432}) { $program = Join-Path ${env:ProgramW6432} 'Picket\picket-agent.exe' } # in a 32-bit host
$state = Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'Picket\agent'

function Fail([int]$code, [string]$what, [string]$fix) {
    $text = "error: $what"
    if ($fix) { $text += "`n  fix: $fix" }
    [Console]::Error.WriteLine($text)
    if ($PSCommandPath) { exit $code }
    $global:LASTEXITCODE = $code
    throw $text
}

# Agent runs the program and ends this script with its exit code if it is not 0.
function Agent {
    & $program @args
    if ($LASTEXITCODE -ne 0) { Fail $LASTEXITCODE "picket-agent $($args[0]) failed" 'see above' }
}

function Test-Running {
    $service = Get-Service -Name PicketAgent -ErrorAction SilentlyContinue
    return $service -and $service.Status -eq 'Running'
}

$me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Fail 3 'E109 this needs an administrator' 'open PowerShell with "Run as administrator"'
}
if (-not [Environment]::Is64BitOperatingSystem) { Fail 2 'there is no agent for 32-bit Windows' '' }

if ($Uninstall) {
    if (-not (Test-Path $program)) {
        'The Picket agent is not installed. Nothing was changed.'
        return
    }
    if ($KeepState) { Agent service uninstall --keep-program --keep-state } else { Agent service uninstall --keep-program }
    Remove-Item -Recurse -Force (Split-Path $program)
    return
}

$joined = Test-Path (Join-Path $state 'agent.crt')
if (-not $Repair -and (Test-Path $program) -and $joined -and (Test-Running)) {
    'The Picket agent is installed, has joined and runs. Nothing was changed.'
    return
}

if (-not $From) {
    $From = 'https://get.picket.example'
    if ($PSScriptRoot -and (Test-Path (Join-Path $PSScriptRoot 'SHA256SUMS'))) { $From = $PSScriptRoot }
}

# Get-Piece copies a file of the place into the work folder.
function Get-Piece([string]$name, [string]$to) {
    try {
        if ($From -match '^https://') {
            [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor 3072 # TLS 1.2
            $how = @{ Uri = "$From/$name"; OutFile = $to; UseBasicParsing = $true }
            if ($Proxy) { $how.Proxy = $Proxy }
            Invoke-WebRequest @how
        } elseif ($From -match '://') {
            Fail 2 "$From is not an https address" 'use https, or a folder'
        } else {
            Copy-Item -LiteralPath (Join-Path $From $name) -Destination $to
        }
    } catch {
        Fail 5 "cannot get $name from ${From}: $($_.Exception.Message)" 'check the address, the network and -Proxy'
    }
}

function Get-Sum([string]$path) { return (Get-FileHash -Algorithm SHA256 -LiteralPath $path).Hash.ToLowerInvariant() }

if ($Repair -or -not (Test-Path $program)) {
    # Only administrators may write here, so nobody changes a file between check and use.
    $work = Join-Path (Split-Path (Split-Path $program)) ('Picket-' + [Guid]::NewGuid())
    New-Item -ItemType Directory -Path $work | Out-Null
    try {
        $list = Join-Path $work 'SHA256SUMS'
        Get-Piece 'SHA256SUMS' $list
        if ($Sums -and (Get-Sum $list) -ne $Sums.ToLowerInvariant()) {
            Fail 7 'SHA256SUMS is not the one that -Sums names; nothing was installed' 'get both anew'
        }
        $lines = @(Get-Content $list | Where-Object { $_ -match '^[0-9a-f]{64}  picket-agent_[0-9][^_/\\]*_windows_amd64\.zip$' })
        if ($lines.Count -ne 1) { Fail 2 "there are $($lines.Count) packages for this machine at $From instead of one" '' }
        $sum, $name = $lines[0] -split '  ', 2
        $zip = Join-Path $work $name
        Get-Piece $name $zip
        if ((Get-Sum $zip) -ne $sum) {
            Fail 7 "$name is not what SHA256SUMS says; nothing was installed" 'something changed it on the way; get it anew'
        }
        Expand-Archive -LiteralPath $zip -DestinationPath $work
        $unpacked = Join-Path $work (Join-Path ($name -replace '\.zip$', '') 'picket-agent.exe')
        if (-not (Test-Path $unpacked)) {
            Fail 7 'E110 picket-agent.exe went away while it was unpacked' "a security program took it: exclude $(Split-Path $program) there, and run this again"
        }
        & $unpacked service install --no-start
        if ($LASTEXITCODE -ne 0) { Fail $LASTEXITCODE 'the service could not be installed' 'see above' }
    } finally {
        Remove-Item -Recurse -Force $work -ErrorAction SilentlyContinue
    }
    if (-not (Test-Path $program)) {
        Fail 7 "E110 $program went away after it was installed" 'a security program took it: exclude it there, and run this again'
    }
}
if ($Proxy) { "PICKET_PROXY=$Proxy" | & $program service set '-' | Out-Null }
if (-not $joined) {
    if (-not $env:PICKET_TOKEN) {
        'Next       picket-agent join TOKEN'
        return
    }
    Agent join
}
if (-not (Test-Running)) { Agent service start }
