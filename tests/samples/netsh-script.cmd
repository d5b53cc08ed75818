@echo off
rem Sets up the ports of an application server. The firewall is somebody else's.
netsh advfirewall set allprofiles state on

netsh int ipv4 set dynamicport tcp start=20000 num=10000
netsh int ipv6 set dynamicport tcp start=20000 num=10000
"%SystemRoot%\System32\netsh.exe" interface ipv4 set dynamicport protocol=udp ^
    startport=30000 numberofports=1000 store=persistent >nul

netsh int ipv4 add excludedportrange tcp 20005 2
netsh int ipv4 add excludedportrange protocol=tcp startport=20100 numberofports=100 store=active
netsh int ipv4 delete excludedportrange protocol=tcp startport=20005 numberofports=2
netsh int ipv4 add excludedportrange protocol=tcp startport=20000 numberofports=5
