package dev.portshim;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/** These ports go to nobody, while the test method runs. Of a class, for each of its tests. */
@Target({ElementType.METHOD, ElementType.TYPE, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(PortshimExtension.class)
public @interface BlockedPorts {
    /** The ports. */
    String value();

    /** The scopes; all unless given. */
    Scope[] scopes() default {};
}
