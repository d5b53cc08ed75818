<?php
// Every way in which PHP programs commonly come by a port. Arguments: an HTTP and a UDP peer.
[, $http, $udp] = $argv;

function check($holds) {
    if (!$holds) {
        $error = error_get_last()['message'] ?? '';
        throw new Exception($error . ' ' . socket_strerror(socket_last_error()));
    }
    return $holds;
}

function tell($name) {
    echo 'port ', substr($name, strrpos($name, ':') + 1), "\n";
}

function page($stream) {
    check(fwrite($stream, "GET / HTTP/1.0\r\n\r\n"));
    check(str_ends_with(stream_get_contents($stream), "ok\n"));
}

// Streams, which are in PHP itself.
foreach (['127.0.0.1', '[::1]'] as $host) {
    check(file_get_contents("http://$host:$http/") === "ok\n");
    $stream = check(stream_socket_client("tcp://$host:$http"));
    tell(stream_socket_get_name($stream, false));
    page($stream);
    $stream = check(stream_socket_client("udp://$host:$udp"));
    check(fwrite($stream, 'hello') === 5 && fread($stream, 100) === 'hello');
    tell(stream_socket_get_name($stream, false));
    page(check(fsockopen(trim($host, '[]') === '::1' ? '[::1]' : $host, (int) $http)));
    $server = check(stream_socket_server("tcp://$host:0"));
    tell(stream_socket_get_name($server, false));
    $client = check(stream_socket_client('tcp://' . stream_socket_get_name($server, false)));
    tell(stream_socket_get_name($client, false));
    check(stream_socket_accept($server));
}

// The curl extension: one request, and several at once.
$many = curl_multi_init();
$requests = [];
foreach (['127.0.0.1', '[::1]', '127.0.0.2', '127.0.0.1', '127.0.0.1'] as $number => $host) {
    $request = curl_init("http://$host:$http/");
    curl_setopt_array($request, [CURLOPT_RETURNTRANSFER => true, CURLOPT_FRESH_CONNECT => true]);
    if ($number < 2) {
        check(curl_exec($request) === "ok\n");
        echo 'port ', curl_getinfo($request, CURLINFO_LOCAL_PORT), "\n";
    }
    check(curl_multi_add_handle($many, $request) === CURLM_OK);
    $requests[] = $request;
}
do {
    check(curl_multi_exec($many, $running) === CURLM_OK);
    curl_multi_select($many);
} while ($running);
foreach ($requests as $request) {
    check(curl_multi_getcontent($request) === "ok\n");
    echo 'port ', curl_getinfo($request, CURLINFO_LOCAL_PORT), "\n";
}

// The sockets extension.
foreach ([[AF_INET, '127.0.0.1'], [AF_INET6, '::1']] as [$family, $host]) {
    $bound = check(socket_create($family, SOCK_STREAM, SOL_TCP));
    check(socket_bind($bound, $host));
    $connected = check(socket_create($family, SOCK_STREAM, SOL_TCP));
    check(socket_connect($connected, $host, (int) $http));
    $listens = check(socket_create($family, SOCK_STREAM, SOL_TCP));
    check(socket_listen($listens));
    $sent = check(socket_create($family, SOCK_DGRAM, SOL_UDP));
    check(socket_sendto($sent, 'hello', 5, 0, $host, (int) $udp) === 5);
    check(socket_recv($sent, $data, 100, 0) === 5 && $data === 'hello');
    $written = check(socket_create($family, SOCK_DGRAM, SOL_UDP));
    check(socket_connect($written, $host, (int) $udp) && socket_write($written, 'hello') === 5);
    foreach ([$bound, $connected, $listens, $sent, $written] as $socket) {
        check(socket_getsockname($socket, $address, $port));
        echo "port $port\n";
    }
}
