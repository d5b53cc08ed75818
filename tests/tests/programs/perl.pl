# Every way in which Perl programs commonly come by a port. Arguments: an HTTP and a UDP peer.
use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::IP;
use Socket;

my ($http, $udp) = @ARGV;
$| = 1;

sub tell_port { print "port ", $_[0]->sockport, "\n" }

for my $class ('IO::Socket::INET', 'IO::Socket::IP') {
    my $server = $class->new(LocalAddr => '127.0.0.1', LocalPort => 0, Proto => 'tcp', Listen => 5)
        or die "$class listens: $@";
    tell_port($server);
    my $client = $class->new(PeerAddr => '127.0.0.1', PeerPort => $server->sockport, Proto => 'tcp')
        or die "$class connects: $@";
    tell_port($client);
    my $accepted = $server->accept or die "accept: $!";
    print $client "hello\n";
    $client->flush;
    $accepted->getline eq "hello\n" or die 'what was sent did not come';

    my $web = $class->new(PeerAddr => '127.0.0.1', PeerPort => $http, Proto => 'tcp') or die "$class: $@";
    print $web "GET / HTTP/1.0\r\n\r\n";
    $web->flush;
    join('', <$web>) =~ /ok\n\z/ or die 'no answer';

    my $datagram = $class->new(PeerAddr => '127.0.0.1', PeerPort => $udp, Proto => 'udp') or die "$class: $@";
    $datagram->send('hello') or die "send: $!";
    $datagram->recv(my $back, 100);
    $back eq 'hello' or die 'no echo';
    tell_port($datagram);
}

socket(my $plain, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
send($plain, 'hello', 0, pack_sockaddr_in($udp, inet_aton('127.0.0.1'))) or die "send: $!";
recv($plain, my $back, 100, 0);
$back eq 'hello' or die 'no echo';
print 'port ', (unpack_sockaddr_in(getsockname $plain))[0], "\n";
